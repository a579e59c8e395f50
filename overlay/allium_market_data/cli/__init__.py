"""The command ``allium-md``: the only place that prints or exits."""
