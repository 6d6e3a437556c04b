-- The figures of the board: one row a customer.
SELECT customer, SUM(amount) AS amount
FROM IDENTIFIER(:schema || '.orders')
GROUP BY customer
ORDER BY amount DESC
