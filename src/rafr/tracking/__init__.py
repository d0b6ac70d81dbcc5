"""From a tracking device to poses one may believe; calibrations."""
