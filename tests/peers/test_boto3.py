"""Drives the emulated EMR, EMR Serverless, STS and S3 with the real boto3: what botocore cannot parse, or names otherwise than
AWS does, is a fault of the sandbox.

The address comes in EMR_URL. It has the ready-made account (`monthly`) in eu-central-1; each test here works in a region
of its own.
"""

import datetime
import gzip
import json
import os
import unittest
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

URL = os.environ["EMR_URL"]
ONCE = Config(retries={"total_max_attempts": 1})
QUICK = {"Delay": 0, "MaxAttempts": 20}


def client(service, region, key="plumb", secret="sandbox"):
    return boto3.client(
        service,
        endpoint_url=URL,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=ONCE,
    )


def control(method, path, body=None):
    """Calls one of the sandbox's own endpoints."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/_sandbox/{path}", data=data, method=method)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def step(name, action="CONTINUE", **more):
    args = ["spark-submit", "--deploy-mode", "cluster", "s3://b/x.py"]
    return {"Name": name, "ActionOnFailure": action, "HadoopJarStep": {"Jar": "command-runner.jar", "Args": args, **more}}


def groups(core=2):
    def group(role, count):
        return {"Name": role.lower(), "InstanceRole": role, "InstanceType": "m5.xlarge", "InstanceCount": count}

    return [group("MASTER", 1), group("CORE", core)]


def asked(name, keep=True, protected=False, **more):
    instances = {
        "InstanceGroups": groups(),
        "KeepJobFlowAliveWhenNoSteps": keep,
        "TerminationProtected": protected,
        "Ec2SubnetIds": ["subnet-1", "subnet-2"],
    }
    instances.update(more.pop("Instances", {}))
    return {
        "Name": name,
        "ReleaseLabel": "emr-6.15.0",
        "JobFlowRole": "EMR_EC2_DefaultRole",
        "ServiceRole": "EMR_DefaultRole",
        "LogUri": "s3://logs/x/",
        "Applications": [{"Name": "Spark"}],
        "Instances": instances,
        **more,
    }


class Case(unittest.TestCase):
    def refuses(self, code, call, **args):
        with self.assertRaises(ClientError) as caught:
            call(**args)
        error = caught.exception.response
        self.assertEqual(error["Error"]["Code"], code, error)
        self.assertTrue(error["ResponseMetadata"]["RequestId"])
        return error


class Clusters(Case):
    def test_whole_life(self):
        emr = client("emr", "eu-west-1")
        tags = [{"Key": "team", "Value": "bi"}]
        made = emr.run_job_flow(
            **asked("life", Tags=tags, Steps=[step("first", Properties=[{"Key": "a", "Value": "b"}], MainClass="M")])
        )
        cluster = made["JobFlowId"]
        self.assertRegex(cluster, r"^j-[A-Z0-9]{13}$")
        self.assertEqual(made["ClusterArn"], f"arn:aws:elasticmapreduce:eu-west-1:123456789012:cluster/{cluster}")
        described = emr.describe_cluster(ClusterId=cluster)["Cluster"]
        self.assertEqual(described["Status"]["State"], "STARTING")
        self.assertIsInstance(described["Status"]["Timeline"]["CreationDateTime"], datetime.datetime)
        emr.get_waiter("cluster_running").wait(ClusterId=cluster, WaiterConfig=QUICK)
        first = emr.list_steps(ClusterId=cluster)["Steps"][0]
        emr.get_waiter("step_complete").wait(ClusterId=cluster, StepId=first["Id"], WaiterConfig=QUICK)
        added = emr.add_job_flow_steps(JobFlowId=cluster, Steps=[step("second"), step("third")])["StepIds"]
        listed = emr.list_steps(ClusterId=cluster)["Steps"]
        self.assertEqual([s["Name"] for s in listed], ["third", "second", "first"])
        self.assertEqual(listed[2]["Config"]["Properties"], {"a": "b"})
        self.assertEqual([s["Status"]["State"] for s in listed], ["PENDING", "RUNNING", "COMPLETED"])
        # That was a look: the second is completed, the third runs.
        told = emr.cancel_steps(ClusterId=cluster, StepIds=added, StepCancellationOption="SEND_INTERRUPT")
        self.assertEqual([s["Status"] for s in told["CancelStepsInfoList"]], ["FAILED", "SUBMITTED"])
        third = emr.describe_step(ClusterId=cluster, StepId=added[1])["Step"]
        self.assertEqual(third["Status"]["State"], "CANCEL_PENDING")
        states = [s["Status"]["State"] for s in emr.list_steps(ClusterId=cluster, StepIds=added)["Steps"]]
        self.assertEqual(states, ["CANCELLED", "COMPLETED"])
        described = emr.describe_cluster(ClusterId=cluster)["Cluster"]
        self.assertEqual((described["Status"]["State"], described["InstanceCollectionType"]), ("WAITING", "INSTANCE_GROUP"))
        self.assertEqual((described["Tags"], described["Applications"][0]["Version"]), (tags, "3.4.1"))
        self.assertGreater(described["NormalizedInstanceHours"], 0)
        # Protected, refused, unprotected, ended.
        emr.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=True)
        self.assertTrue(emr.describe_cluster(ClusterId=cluster)["Cluster"]["TerminationProtected"])
        error = self.refuses("ValidationException", emr.terminate_job_flows, JobFlowIds=[cluster])
        self.assertIn("termination protected", error["Error"]["Message"])
        emr.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=False)
        emr.terminate_job_flows(JobFlowIds=[cluster])
        self.assertEqual(emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"], "TERMINATING")
        emr.get_waiter("cluster_terminated").wait(ClusterId=cluster, WaiterConfig=QUICK)
        status = emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]
        self.assertEqual(status["StateChangeReason"]["Code"], "USER_REQUEST")
        self.assertGreaterEqual(status["Timeline"]["EndDateTime"], status["Timeline"]["ReadyDateTime"])
        self.refuses("ValidationException", emr.add_job_flow_steps, JobFlowId=cluster, Steps=[step("late")])

    def test_protected_ones_stay_and_the_others_end(self):
        emr = client("emr", "eu-west-2")
        kept = emr.run_job_flow(**asked("kept", protected=True))["JobFlowId"]
        gone = emr.run_job_flow(**asked("gone"))["JobFlowId"]
        self.refuses("ValidationException", emr.terminate_job_flows, JobFlowIds=[kept, gone])
        states = {c["Id"]: c["Status"]["State"] for c in emr.list_clusters()["Clusters"]}
        self.assertEqual(states, {kept: "STARTING", gone: "TERMINATING"})

    def test_what_is_not_there_is_named_as_aws_names_it(self):
        emr = client("emr", "eu-west-3")
        for call in (
            emr.describe_cluster,
            emr.list_steps,
            emr.list_instance_groups,
            emr.list_instance_fleets,
            emr.get_managed_scaling_policy,
        ):
            error = self.refuses("InvalidRequestException", call, ClusterId="j-NOPE")
            self.assertEqual(error["Error"]["Message"], "Cluster id 'j-NOPE' is not valid.")
        self.refuses("ValidationException", emr.terminate_job_flows, JobFlowIds=["j-NOPE"])
        self.refuses("ValidationException", emr.list_clusters, ClusterStates=["NOPE"])
        self.refuses("InvalidRequestException", emr.list_clusters, Marker="x")
        self.refuses("ValidationException", emr.run_job_flow, **asked("a|b"))
        self.refuses("ValidationException", emr.run_job_flow, **asked("x", ReleaseLabel="six"))
        self.refuses("ValidationException", emr.run_job_flow, **asked("x", SecurityConfiguration="none"))
        self.refuses("UnknownOperationException", emr.list_studios)

    def test_pages(self):
        emr = client("emr", "eu-north-1")
        for number in range(57):
            emr.run_job_flow(**asked(f"many-{number}"))
        pages = list(emr.get_paginator("list_clusters").paginate())
        self.assertEqual([len(page["Clusters"]) for page in pages], [50, 7])
        self.assertEqual(len({c["Id"] for page in pages for c in page["Clusters"]}), 57)
        cluster = emr.run_job_flow(**asked("steps", Steps=[step(f"s{n}") for n in range(120)]))["JobFlowId"]
        steps = [s for page in emr.get_paginator("list_steps").paginate(ClusterId=cluster) for s in page["Steps"]]
        self.assertEqual([s["Name"] for s in steps], [f"s{n}" for n in reversed(range(120))])
        self.refuses(
            "ValidationException",
            emr.add_job_flow_steps,
            JobFlowId=cluster,
            Steps=[step(f"more{n}") for n in range(137)],
        )

    def test_fleets_policies_and_instances(self):
        emr = client("emr", "us-east-1")
        spot = {"TimeoutDurationMinutes": 20, "TimeoutAction": "SWITCH_TO_ON_DEMAND"}
        fleets = [
            {
                "InstanceFleetType": "MASTER",
                "TargetOnDemandCapacity": 1,
                "InstanceTypeConfigs": [{"InstanceType": "m5.xlarge"}],
            },
            {
                "InstanceFleetType": "CORE",
                "TargetOnDemandCapacity": 4,
                "TargetSpotCapacity": 10,
                "InstanceTypeConfigs": [
                    {"InstanceType": "r5.xlarge", "WeightedCapacity": 4},
                    {"InstanceType": "r5.2xlarge", "WeightedCapacity": 8},
                ],
                "LaunchSpecifications": {"SpotSpecification": spot},
            },
        ]
        limits = {"UnitType": "InstanceFleetUnits", "MinimumCapacityUnits": 4, "MaximumCapacityUnits": 40}
        request = asked("fleet", ManagedScalingPolicy={"ComputeLimits": limits}, AutoTerminationPolicy={"IdleTimeout": 600})
        del request["Instances"]["InstanceGroups"]
        request["Instances"]["InstanceFleets"] = fleets
        cluster = emr.run_job_flow(**request)["JobFlowId"]
        emr.get_waiter("cluster_running").wait(ClusterId=cluster, WaiterConfig=QUICK)
        error = self.refuses("InvalidRequestException", emr.list_instance_groups, ClusterId=cluster)
        self.assertEqual(error["ErrorCode"], "API_DOES_NOT_SUPPORT_INSTANCE_FLEET_CLUSTERS")
        core = emr.list_instance_fleets(ClusterId=cluster)["InstanceFleets"][1]
        self.assertEqual((core["TargetOnDemandCapacity"], core["TargetSpotCapacity"]), (4, 0), "it waits: the least there is")
        emr.add_job_flow_steps(JobFlowId=cluster, Steps=[step("busy")])
        core = emr.list_instance_fleets(ClusterId=cluster)["InstanceFleets"][1]
        self.assertEqual((core["ProvisionedOnDemandCapacity"], core["TargetSpotCapacity"]), (4, 36))
        self.assertGreaterEqual(core["ProvisionedSpotCapacity"], 36)
        running = [
            one
            for page in emr.get_paginator("list_instances").paginate(ClusterId=cluster, InstanceStates=["RUNNING"])
            for one in page["Instances"]
        ]
        self.assertEqual({one["Market"] for one in running}, {"SPOT", "ON_DEMAND"})
        self.assertEqual(emr.get_managed_scaling_policy(ClusterId=cluster)["ManagedScalingPolicy"]["ComputeLimits"], limits)
        idle = emr.get_auto_termination_policy(ClusterId=cluster)["AutoTerminationPolicy"]
        self.assertEqual(idle, {"IdleTimeout": 600})
        emr.remove_auto_termination_policy(ClusterId=cluster)
        self.assertNotIn("AutoTerminationPolicy", emr.get_auto_termination_policy(ClusterId=cluster))
        self.refuses(
            "ValidationException",
            emr.put_auto_termination_policy,
            ClusterId=cluster,
            AutoTerminationPolicy={"IdleTimeout": 59},
        )

    def test_groups_are_resized_and_tags_changed(self):
        emr = client("emr", "us-east-2")
        cluster = emr.run_job_flow(**asked("sized"))["JobFlowId"]
        listed = emr.list_instance_groups(ClusterId=cluster)["InstanceGroups"]
        change = {"ClusterId": cluster, "InstanceGroups": [{"InstanceGroupId": listed[1]["Id"], "InstanceCount": 5}]}
        self.refuses("ValidationException", emr.modify_instance_groups, **change)
        emr.get_waiter("cluster_running").wait(ClusterId=cluster, WaiterConfig=QUICK)
        emr.modify_instance_groups(**change)
        core = emr.list_instance_groups(ClusterId=cluster)["InstanceGroups"][1]
        self.assertEqual((core["Status"]["State"], core["RequestedInstanceCount"], core["RunningInstanceCount"]), ("RESIZING", 5, 2))
        emr.describe_cluster(ClusterId=cluster)
        core = emr.list_instance_groups(ClusterId=cluster)["InstanceGroups"][1]
        self.assertEqual((core["Status"]["State"], core["RunningInstanceCount"]), ("RUNNING", 5))
        emr.add_tags(ResourceId=cluster, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
        emr.remove_tags(ResourceId=cluster, TagKeys=["a"])
        self.assertEqual(emr.describe_cluster(ClusterId=cluster)["Cluster"]["Tags"], [{"Key": "b", "Value": ""}])
        self.assertEqual(emr.modify_cluster(ClusterId=cluster, StepConcurrencyLevel=3)["StepConcurrencyLevel"], 3)
        emr.set_keep_job_flow_alive_when_no_steps(JobFlowIds=[cluster], KeepJobFlowAliveWhenNoSteps=False)
        status = emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]
        self.assertEqual((status["State"], status["StateChangeReason"]["Code"]), ("TERMINATING", "ALL_STEPS_COMPLETED"))

    def test_security_configurations_and_releases(self):
        emr = client("emr", "ap-south-1")
        text = json.dumps({"EncryptionConfiguration": {"EnableAtRestEncryption": False}})
        made = emr.create_security_configuration(Name="sec", SecurityConfiguration=text)
        self.assertIsInstance(made["CreationDateTime"], datetime.datetime)
        self.refuses("InvalidRequestException", emr.create_security_configuration, Name="sec", SecurityConfiguration=text)
        cluster = emr.run_job_flow(**asked("secure", SecurityConfiguration="sec"))["JobFlowId"]
        self.assertEqual(emr.describe_cluster(ClusterId=cluster)["Cluster"]["SecurityConfiguration"], "sec")
        self.assertEqual(emr.describe_security_configuration(Name="sec")["SecurityConfiguration"], text)
        self.assertEqual([c["Name"] for c in emr.list_security_configurations()["SecurityConfigurations"]], ["sec"])
        emr.delete_security_configuration(Name="sec")
        self.refuses("InvalidRequestException", emr.describe_security_configuration, Name="sec")
        labels = emr.list_release_labels(Filters={"Prefix": "emr-6", "Application": "Spark-3.4"})["ReleaseLabels"]
        self.assertIn("emr-6.15.0", labels)
        apps = emr.describe_release_label(ReleaseLabel="emr-6.15.0")["Applications"]
        self.assertIn({"Name": "Spark", "Version": "3.4.1-amzn-2"}, apps)
        types = emr.list_supported_instance_types(ReleaseLabel="emr-6.15.0")["SupportedInstanceTypes"]
        self.assertIn(("m5.xlarge", 4, 16.0), [(t["Type"], t["VCPU"], t["MemoryGB"]) for t in types])
        self.refuses("InvalidRequestException", emr.list_supported_instance_types, ReleaseLabel="emr-6.99.0")
        self.refuses("ValidationException", emr.run_job_flow, **asked("unknown", ReleaseLabel="emr-6.99.0"))

    def test_a_step_that_fails_ends_the_cluster(self):
        emr = client("emr", "ap-southeast-1")
        settings = control("GET", "settings")["emr"]
        settings["steps"]["breaks"] = {"fails": True, "message": "Exit code 1"}
        control("POST", "settings", {"emr": settings})
        cluster = emr.run_job_flow(**asked("fails", Steps=[step("breaks", "TERMINATE_CLUSTER"), step("after")]))["JobFlowId"]
        with self.assertRaises(WaiterError):
            broken = emr.list_steps(ClusterId=cluster)["Steps"][1]
            emr.get_waiter("step_complete").wait(ClusterId=cluster, StepId=broken["Id"], WaiterConfig=QUICK)
        after, broken = emr.list_steps(ClusterId=cluster)["Steps"]
        self.assertEqual((after["Status"]["State"], broken["Status"]["State"]), ("CANCELLED", "FAILED"))
        details = broken["Status"]["FailureDetails"]
        self.assertEqual((details["Reason"], details["Message"]), ("Unknown Error.", "Exit code 1"))
        emr.describe_cluster(ClusterId=cluster)
        status = emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]
        self.assertEqual((status["State"], status["StateChangeReason"]["Code"]), ("TERMINATED_WITH_ERRORS", "STEP_FAILURE"))

    def test_ready_made_account(self):
        emr = client("emr", "eu-central-1")
        clusters = [c for page in emr.get_paginator("list_clusters").paginate() for c in page["Clusters"]]
        self.assertEqual(len(clusters), 10)
        self.assertEqual(len({c["Name"].rsplit("-", 2)[0] for c in clusters}), 6)
        states = sorted({c["Status"]["State"] for c in clusters})
        self.assertEqual(states, ["RUNNING", "TERMINATED", "TERMINATED_WITH_ERRORS", "WAITING"])
        for summary in clusters:
            cluster = emr.describe_cluster(ClusterId=summary["Id"])["Cluster"]
            self.assertGreater(cluster["NormalizedInstanceHours"], 0)
            (emr.list_instance_fleets if cluster["InstanceCollectionType"] == "INSTANCE_FLEET" else emr.list_instance_groups)(
                ClusterId=summary["Id"]
            )
            emr.list_bootstrap_actions(ClusterId=summary["Id"])
            self.assertTrue(emr.list_steps(ClusterId=summary["Id"])["Steps"])
        serverless = client("emr-serverless", "eu-central-1")
        application = serverless.list_applications()["applications"][0]
        self.assertEqual(len(serverless.list_job_runs(applicationId=application["id"])["jobRuns"]), 3)


class Serverless(Case):
    def test_whole_life(self):
        serverless = client("emr-serverless", "eu-west-1")
        made = serverless.create_application(name="app", releaseLabel="emr-7.1.0", type="SPARK", tags={"team": "bi"})
        application, arn = made["applicationId"], made["arn"]
        self.assertEqual(serverless.get_application(applicationId=application)["application"]["state"], "CREATING")
        self.assertEqual(serverless.get_application(applicationId=application)["application"]["state"], "CREATED")
        serverless.update_application(applicationId=application, maximumCapacity={"cpu": "4 vCPU", "memory": "16 GB"})
        serverless.start_application(applicationId=application)
        serverless.get_application(applicationId=application)
        self.assertEqual(serverless.get_application(applicationId=application)["application"]["state"], "STARTED")
        self.refuses("ValidationException", serverless.delete_application, applicationId=application)
        asked = {
            "applicationId": application,
            "executionRoleArn": "arn:aws:iam::123456789012:role/job",
            "name": "run",
            "jobDriver": {"sparkSubmit": {"entryPoint": "s3://b/x.py", "entryPointArguments": ["--month", "2026-10"]}},
        }
        run = serverless.start_job_run(clientToken="once", **asked)["jobRunId"]
        self.assertEqual(serverless.start_job_run(clientToken="once", **asked)["jobRunId"], run)
        error = self.refuses("ConflictException", serverless.start_job_run, clientToken="once", **{**asked, "name": "other"})
        self.assertEqual(error["ResponseMetadata"]["HTTPStatusCode"], 409)
        states = []
        while not states or states[-1] not in ("SUCCESS", "FAILED"):
            self.assertLess(len(states), 10)
            described = serverless.get_job_run(applicationId=application, jobRunId=run)["jobRun"]
            states.append(described["state"])
        self.assertEqual(states, ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "SUCCESS"])
        self.assertIsInstance(described["createdAt"], datetime.datetime)
        self.assertEqual(described["jobDriver"], asked["jobDriver"])
        second = serverless.start_job_run(**{**asked, "name": "second"})["jobRunId"]
        self.refuses("ValidationException", serverless.stop_application, applicationId=application)
        serverless.cancel_job_run(applicationId=application, jobRunId=second)
        serverless.get_job_run(applicationId=application, jobRunId=second)
        listed = serverless.list_job_runs(applicationId=application, states=["CANCELLED", "SUCCESS"])["jobRuns"]
        self.assertEqual({r["id"] for r in listed}, {run, second})
        future = datetime.datetime(2199, 1, 1, tzinfo=datetime.timezone.utc)
        self.assertEqual(serverless.list_job_runs(applicationId=application, createdAtAfter=future)["jobRuns"], [])
        serverless.tag_resource(resourceArn=arn, tags={"owner": "ann"})
        serverless.untag_resource(resourceArn=arn, tagKeys=["team", "other key"])
        self.assertEqual(serverless.list_tags_for_resource(resourceArn=arn)["tags"], {"owner": "ann"})
        serverless.stop_application(applicationId=application)
        serverless.get_application(applicationId=application)
        serverless.delete_application(applicationId=application)
        self.assertEqual(serverless.get_application(applicationId=application)["application"]["state"], "TERMINATED")
        error = self.refuses("ResourceNotFoundException", serverless.get_application, applicationId="00nope")
        self.assertEqual(error["ResponseMetadata"]["HTTPStatusCode"], 404)
        self.refuses("ValidationException", serverless.create_application, releaseLabel="five", type="SPARK")

    def test_pages(self):
        serverless = client("emr-serverless", "eu-north-1")
        for number in range(7):
            serverless.create_application(name=f"a{number}", releaseLabel="emr-7.1.0", type="Spark")
        paginator = serverless.get_paginator("list_applications")
        pages = list(paginator.paginate(PaginationConfig={"PageSize": 3}))
        self.assertEqual([len(page["applications"]) for page in pages], [3, 3, 1])
        self.assertEqual(serverless.list_applications(states=["STARTED"])["applications"], [])


class Logs(Case):
    """S3, and what steps that fail for a reason leave there."""

    def test_a_failed_step_is_told_by_instances_and_logs(self):
        emr, s3 = client("emr", "eu-central-1"), client("s3", "eu-central-1")
        ended = emr.list_clusters(ClusterStates=["TERMINATED_WITH_ERRORS"])["Clusters"][0]
        failed = emr.list_steps(ClusterId=ended["Id"], StepStates=["FAILED"])["Steps"][0]
        details = failed["Status"]["FailureDetails"]
        self.assertEqual(details["Reason"], "Unknown Error.")
        bucket, key = details["LogFile"].removeprefix("s3://").split("/", 1)
        text = gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).decode()
        self.assertIn(details["Message"], text)
        root = key.split("/steps/")[0]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=root, PaginationConfig={"PageSize": 7})
        keys = [entry["Key"] for page in pages for entry in page["Contents"]]
        self.assertEqual(keys, sorted(set(keys)))
        lost = [
            instance
            for instance in emr.list_instances(ClusterId=ended["Id"])["Instances"]
            if "not enough capacity" in instance["Status"]["StateChangeReason"]["Message"]
        ]
        self.assertEqual([instance["Market"] for instance in lost], ["SPOT", "SPOT"])
        for instance in lost:
            self.assertTrue(any(f"/node/{instance['Ec2InstanceId']}/" in key for key in keys))
        folders = s3.list_objects_v2(Bucket=bucket, Prefix=f"{root}/", Delimiter="/")["CommonPrefixes"]
        self.assertEqual([f["Prefix"].split("/")[-2] for f in folders], ["containers", "node", "steps"])

    def test_objects_are_read_as_s3_has_them(self):
        objects = {"a b/\u00fc&+.txt": "hello", "a/2": "x", "c": {"text": "packed", "gz": True}}
        control("POST", "seed", {"s3": {"buckets": {"objects": objects}}})
        s3 = client("s3", "eu-central-1")
        self.assertEqual([o["Key"] for o in s3.list_objects_v2(Bucket="objects")["Contents"]], sorted(objects))
        head = s3.head_object(Bucket="objects", Key="a b/\u00fc&+.txt")
        self.assertEqual(head["ContentLength"], 5)
        part = s3.get_object(Bucket="objects", Key="a b/\u00fc&+.txt", Range="bytes=1-2", IfMatch=head["ETag"])
        self.assertEqual((part["Body"].read(), part["ContentRange"]), (b"el", "bytes 1-2/5"))
        self.assertEqual(gzip.decompress(s3.get_object(Bucket="objects", Key="c")["Body"].read()), b"packed")
        self.refuses("NoSuchBucket", lambda: s3.list_objects_v2(Bucket="none"))
        self.refuses("NoSuchKey", lambda: s3.get_object(Bucket="objects", Key="none"))
        self.refuses("MethodNotAllowed", lambda: s3.put_object(Bucket="objects", Key="c", Body=b""))
        self.refuses("SignatureDoesNotMatch", lambda: client("s3", "eu-west-1", secret="other").list_buckets())
        self.refuses("InvalidAccessKeyId", lambda: client("s3", "eu-west-1", key="other").list_buckets())
        control("POST", "settings", {"s3": {"denied": [{"action": "s3:GetObject", "path": "objects/a/*"}]}})
        self.refuses("AccessDenied", lambda: s3.get_object(Bucket="objects", Key="a/2"))
        control("POST", "settings", {"s3": {}})

    def test_a_cluster_that_does_not_start_says_why(self):
        emr = client("emr", "me-south-1")
        actions = [{"Name": "libs", "ScriptBootstrapAction": {"Path": "s3://b/libs.sh", "Args": ["shap==0.45.0"]}}]
        control("POST", "settings", {"emr": {"failures": {"broken": {"scenario": "bootstrap"}}}})
        cluster = emr.run_job_flow(**asked("broken", LogUri="s3://logs/", BootstrapActions=actions))["JobFlowId"]
        for _ in range(6):
            status = emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]
        control("POST", "settings", {"emr": {}})
        self.assertEqual(status["StateChangeReason"]["Code"], "BOOTSTRAP_FAILURE")
        self.assertEqual(status["ErrorDetails"][0]["ErrorCode"], "BOOTSTRAP_FAILURE_PRIMARY_WITH_NON_ZERO_CODE")
        listed = client("s3", "me-south-1").list_objects_v2(Bucket="logs", Prefix=f"{cluster}/node/")["Contents"]
        self.assertEqual(len(listed), 3)


class Signatures(Case):
    def test_caller(self):
        caller = client("sts", "eu-west-1").get_caller_identity()
        self.assertEqual((caller["Account"], caller["Arn"]), ("123456789012", "arn:aws:iam::123456789012:user/plumb"))

    def test_only_what_is_rightly_signed_is_answered(self):
        calls = {
            "emr": lambda c: c.list_clusters,
            "emr-serverless": lambda c: c.list_applications,
            "sts": lambda c: c.get_caller_identity,
        }
        for service, call in calls.items():
            wrong = self.refuses("SignatureDoesNotMatch", call(client(service, "eu-west-1", secret="other")))
            self.assertEqual(wrong["ResponseMetadata"]["HTTPStatusCode"], 403)
            unknown = "InvalidClientTokenId" if service == "sts" else "UnrecognizedClientException"
            self.refuses(unknown, call(client(service, "eu-west-1", key="other")))

    def test_faults_come_in_the_shape_of_aws(self):
        emr, serverless = client("emr", "sa-east-1"), client("emr-serverless", "sa-east-1")
        for path, status, call, code in (
            ("/elasticmapreduce/ListClusters", 429, emr.list_clusters, "ThrottlingException"),
            ("/elasticmapreduce/*", 500, emr.list_clusters, "InternalServerException"),
            ("/elasticmapreduce/*", 403, emr.list_clusters, "AccessDeniedException"),
            ("/emr-serverless/applications", 429, serverless.list_applications, "ThrottlingException"),
            ("/sts", 403, client("sts", "sa-east-1").get_caller_identity, "AccessDenied"),
        ):
            control("POST", "faults", {"path": path, "status": status})
            self.refuses(code, call)
        self.assertEqual(emr.list_clusters()["Clusters"], [])


if __name__ == "__main__":
    unittest.main()
