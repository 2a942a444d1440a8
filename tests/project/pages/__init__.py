"""The one app of the example project: pages as sites have them, and views that show what a server did."""
