"""HTTP: credentials, the validation of requests, operations, and the responses they send."""
