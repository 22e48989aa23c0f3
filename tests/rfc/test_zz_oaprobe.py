from support.site import *
from support.world import ANNA
async def test_p(site):
    async with site.http() as h:
        for m,p in (("POST","/signin/"),("POST","/oauth2/token/"),("GET","/nope"),("GET","//evil.example/"),("POST","/error"),("GET","/oauth2/token"),("GET","/error")):
            r=await h.request(m,p,headers={"accept":"text/html"})
            print(m,p,r.status_code,dict(r.headers),r.text[:80])
    v=site.visitor()
    r=await v.http.post("/oauth2/auth",content=b"response_type=code&client_id="+site.world.web.client_id.encode()+b"&state=a\r\nX-Evil: 1",headers={"content-type":"application/x-www-form-urlencoded"})
    print(r.status_code,r.headers)
    r=await v.http.post("/oauth2/auth",content=("response_type=code&client_id="+site.world.web.client_id+"&state=日本#x").encode(),headers={"content-type":"application/x-www-form-urlencoded"})
    print(r.status_code,r.headers)
    r=await v.start(site.world.web, state="\"<"*2048, nonce='>"'*2048)
    r=await v.type_number(ANNA)
    print(r.status_code, r.text[:300])
