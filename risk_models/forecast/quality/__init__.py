"""Quality of gauge rain: tests of one gauge and of its neighbours, their limits, and the flags they give."""
