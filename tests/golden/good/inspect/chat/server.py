print("a server")
