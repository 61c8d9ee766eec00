// The OpenID provider of the tests: whom it knows is in PEOPLE, and its own forms let any of them in.
import Provider from "oidc-provider";

const { ISSUER, PEOPLE, REDIRECT, CLIENT_SECRET } = process.env;
const people = JSON.parse(PEOPLE);
const provider = new Provider(ISSUER, {
  clients: [{ client_id: "pumphouse", client_secret: CLIENT_SECRET, redirect_uris: [REDIRECT] }],
  pkce: { required: () => true },
  claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
  scopes: ["openid", "email", "groups"],
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
});
provider.listen(Number(new URL(ISSUER).port), "localhost", () => console.log("ready"));
