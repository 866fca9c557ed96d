"""The audit trail: reported to a spool, taken into the store once, asked and let go there."""
