"""The user's side of Gatehouse: sign in, pull, publish, verify. Speaks HTTP and imports no other part of `registry`.

Start with `registry.client.api.Registry`, `registry.client.pull.pull`, `registry.client.publish.publish`
and `registry.client.verify.verify_receipt`. Nothing is imported here, so that a command that needs one
part does not load the others.
"""
