"""The made-up AWS account in which the local stack lives."""

REGION = "us-east-1"
ACCOUNT = "123456789012"
ACCESS_KEY = SECRET_KEY = SESSION_TOKEN = "local"
