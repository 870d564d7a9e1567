"""The use of botocore: clients, credentials, error classes, quotas.

Only this folder and `dispatch/transport/` import boto3 or botocore.
"""
