"""The Salesforce room: SOAP, REST, describe and their clients live here and nowhere else."""
