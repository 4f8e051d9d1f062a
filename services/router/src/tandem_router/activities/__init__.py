"""What touches the world on behalf of a workflow; idempotent by (workflow, step)."""
