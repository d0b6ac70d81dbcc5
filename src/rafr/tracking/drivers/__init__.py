"""Tracking devices behind one interface (`frame.TrackerDriver`), one file each."""
