// A provider of OpenID Connect on this machine: the package `oidc-provider` of npm, configured. Its
// page to sign in takes the name of an account and any password, and nobody is asked for consent. It
// is called localhost, and the console 127.0.0.1: to browsers they are two sites.
//
//     node local/oidc_provider.mjs FOLDER PORT ACCOUNTS CONSOLE
//
// FOLDER has the package, ACCOUNTS is a JSON file of name → claims, read each time that somebody is
// asked about, and CONSOLE the URL that the console is at.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, port, accounts, consoleUrl] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(join(folder, 'lib/index.js')));

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const signing = { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', kid: 'signing', use: 'sig' };

const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    {
      client_id: 'sendtrail',
      client_secret: process.env.OIDC_CLIENT_SECRET,
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [`${consoleUrl}/console/sign-in/back`],
      post_logout_redirect_uris: [`${consoleUrl}/console/sign-in`],
      backchannel_logout_uri: `${consoleUrl}/console/back-channel-logout`,
      backchannel_logout_session_required: true,
    },
  ],
  claims: {
    openid: ['sub'],
    profile: ['name'],
    email: ['email', 'email_verified'],
    groups: ['groups'],
  },
  scopes: ['openid', 'offline_access', 'profile', 'email', 'groups'],
  cookies: { keys: [randomBytes(16).toString('hex')] },
  jwks: { keys: [signing] },
  features: {
    backchannelLogout: { enabled: true },
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  pkce: { required: () => true },
  ttl: { AccessToken: Number(process.env.OIDC_ACCESS_TOKEN_SECONDS ?? 3600) },
  // It would not tell the console of a sign-out otherwise: that is on this machine, which a provider
  // that is open to all must not be made to ask.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  async findAccount(_ctx, accountId) {
    const claims = JSON.parse(readFileSync(accounts, 'utf8'))[accountId];
    return claims && { accountId, claims: async () => ({ sub: accountId, ...claims }) };
  },
  async loadExistingGrant({ oidc }) {
    const found = oidc.session.grantIdFor(oidc.client.clientId);
    if (found) return provider.Grant.find(found);
    const { clientId } = oidc.client;
    const grant = new provider.Grant({ clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope('openid offline_access profile email groups');
    await grant.save();
    return grant;
  },
});
provider.on('backchannel.error', (_ctx, error) => console.error(error));
provider.listen(Number(port), '127.0.0.1');
