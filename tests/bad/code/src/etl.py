# Databricks notebook source
x = 1
