"""What can be done: functions over a `Backend`."""
