"""What people look at: the page, pictures, recordings, the report."""
