"""Where pages come from, behind one protocol (see ``protocol``)."""
