"""The whole of Sendtrail on one machine, without Docker and without an AWS account.

The same `template.yaml` is read; AWS is moto (and, if asked for, DynamoDB Local), functions run in
AWS's own Runtime Interface Emulator, and the gateway is the one of SAM CLI.
"""
