"""The wire: renders requests from a profile's templates and sends each exactly once. Knows nothing of jobs or rules.

`template` renders, `client` sends (the only module that knows an HTTP library), `slots` holds the connections, `faults`
reads exceptions as evidence, `content` decodes within bounds, `redaction` makes URLs fit to be shown.
"""
