"""What layercheck knows of botocore: clients, credentials, error classes, quotas.

Besides `dispatch/transport/`, only this folder imports boto3 or botocore.
"""
