"""Workers: processes on any number of machines that send the campaigns handed over to them."""
