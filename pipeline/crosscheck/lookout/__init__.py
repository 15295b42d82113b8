"""Amazon Lookout for Metrics as a provider.

AWS ended the service in October 2025 and boto3 dropped its client; the service model comes back through botocore's loader
(`pipeline.crosscheck.remote.aws`), for whoever has a compatible endpoint.
"""
