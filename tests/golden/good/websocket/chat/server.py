print('a server')
