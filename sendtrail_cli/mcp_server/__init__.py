"""`sendtrail mcp`: the history of mail for a language model, by the Model Context Protocol.

`curated` says which routes are tools and when to use them, `tools` makes tools of what the API
serves of itself, `api` asks it, `prompts` has three questions, and `server` puts it together.
"""
