"""Questions about policies, as they are asked of the store: now, in the past, or after a change."""
