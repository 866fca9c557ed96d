"""TPC-H as two worlds: tables that are governed, and copies that were filtered and masked."""
