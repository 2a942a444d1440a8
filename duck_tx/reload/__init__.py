"""Starting anew when a file is edited, and the browsers that look on."""
