"""`make deploy`: checks a stage of samconfig.toml, deploys its stack with the SAM CLI and migrates its database."""
