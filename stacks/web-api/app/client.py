import requests
import sys

url = "your url"
name = "Sponge Bob"
token = "un truc au pif"
### POST
resp = requests.post(f"{url}/api/register",
                     json={"name": name, "token": token})
if resp.status_code != 200:
    print("Y a un problème dans le post")
    sys.exit(1)
### GET
resp = requests.get(f"{url}/info/{name}")
print(resp.content.decode())
