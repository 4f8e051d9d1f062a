"""The live feed and the audit trail."""
