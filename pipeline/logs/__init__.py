"""Log lines to points and new templates: masking, template mining, rates in windows of event time."""
