"""Where data comes from: files, databases, functions over APIs, websites, surveys. All become tables by one path."""
