"""Where every body of the CT lies in the CBCT and behind the tracker."""
