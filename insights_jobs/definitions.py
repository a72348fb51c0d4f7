"""What `workspace.yaml` loads."""

from insights_jobs.build import build_definitions

defs = build_definitions()
