"""A Salesforce org that runs on this machine: real clients and our doors talk to it over HTTP."""
