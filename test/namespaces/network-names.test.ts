/** Names of members, asked by members: the network's own name server, and the host's resolvers behind it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, Lab, until } from '../support/lab.ts';
import { NetworkLab } from '../support/network-lab.ts';

const RESOLVER = join(import.meta.dirname, '../support/resolver-program.ts');
const UPSTREAM = '192.0.2.7';
const lab = new Lab();
let net: NetworkLab;
let a: Host;
let b: Host;
let c: Host;
let d: Host;
/** What the host's resolver was asked. */
let asked = '';

beforeAll(async () => {
  net = await NetworkLab.open(lab, async (host) => {
    const folder = `/etc/netns/${host.name}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'resolv.conf'), 'nameserver 127.0.0.1\n');
    const resolver = host.start(process.execPath, RESOLVER, '127.0.0.1', UPSTREAM);
    resolver.stdout?.on('data', (chunk: Buffer) => (asked += chunk.toString()));
    await until('the resolver', () => asked.startsWith('ready'));
  });
  [a, b, c, d] = [await lab.netns('a'), await lab.netns('b'), await lab.netns('c'), await lab.netns('d')];
  await net.create({ name: 'web', subnets: [{ subnet: '10.71.0.0/24' }, { subnet: 'fd00:71::/64' }] });
  await net.create({ name: 'db', subnets: [{ subnet: '10.72.0.0/24' }], internal: true });
  await net.join('web', a, { name: 'front', aliases: ['www'] });
  await net.join('web', b, { name: 'back', aliases: ['www'], links: [{ container: 'front', alias: 'site' }] });
  await net.join('db', c, { name: 'store' });
  await net.join('db', d, { name: 'both' });
  await net.join('web', d, { name: 'both' });
});
afterAll(() => lab.close());

async function resolve(from: Host, server: string, name: string, type: 'A' | 'AAAA' | 'PTR' | 'TXT' = 'A') {
  return (await from.agent()).call('resolve', { server, name, type });
}

const WEB = '10.71.0.1';
const DB = '10.72.0.1';

test('containers by name, alone or with the network’s; of both families; whatever the case', async () => {
  expect(await resolve(b, WEB, 'front')).toEqual(['10.71.0.2']);
  expect(await resolve(b, WEB, 'FRONT.web')).toEqual(['10.71.0.2']);
  expect(await resolve(b, WEB, 'front', 'AAAA')).toEqual(['fd00:71::2']);
  expect(await resolve(b, '[fd00:71::1]:53', 'front')).toEqual(['10.71.0.2']);
  expect(await resolve(b, WEB, '2.0.71.10.in-addr.arpa', 'PTR')).toEqual(['front.web']);
});

test('an address of IPv6 has its name too', async () => {
  const nibbles = `fd000071${'0'.repeat(23)}2`.split('').toReversed().join('.');
  expect(await resolve(b, WEB, `${nibbles}.ip6.arpa`, 'PTR')).toEqual(['front.web']);
});

test('whoever shares an alias takes turns in coming first', async () => {
  const answers = [];
  for (let index = 0; index < 4; index++) answers.push(await resolve(b, WEB, 'www'));
  for (const answer of answers) expect(Array.from(answer).sort()).toEqual(['10.71.0.2', '10.71.0.3']);
  expect(new Set(answers.map(([first]) => first))).toEqual(new Set(['10.71.0.2', '10.71.0.3']));
});

test('a link is known to its owner alone', async () => {
  expect(await resolve(b, WEB, 'site')).toEqual(['10.71.0.2']);
  expect(await resolve(a, WEB, 'site')).toEqual([UPSTREAM]);
});

test('no name leaks to another network; a member of both knows both', async () => {
  expect(await resolve(a, WEB, 'store')).toEqual([UPSTREAM]);
  expect(await resolve(c, DB, 'front')).toBe('EREFUSED');
  expect(await resolve(c, DB, 'both')).toEqual(['10.72.0.3']);
  expect(await resolve(d, DB, 'front')).toEqual(['10.71.0.2']);
  expect(await resolve(d, WEB, 'store')).toEqual(['10.72.0.2']);
  expect(await resolve(c, DB, '2.0.71.10.in-addr.arpa', 'PTR')).toBe('EREFUSED');
});

test('the rest goes to the host’s resolvers, by TCP too; of an internal network it is refused', async () => {
  expect(await resolve(a, WEB, 'www.example.test')).toEqual([UPSTREAM]);
  expect(await resolve(a, WEB, 'long.example.test', 'TXT')).toHaveLength(20);
  expect(asked).toMatch(/^udp A www\.example\.test$/m);
  expect(asked).toMatch(/^tcp TXT long\.example\.test$/m);
  expect(await resolve(c, DB, 'inner.example.test')).toBe('EREFUSED');
  expect(asked).not.toMatch(/inner/);
});

test('what is known has no other records, and an address that nobody has no name', async () => {
  expect(await resolve(a, WEB, 'back', 'TXT')).toBe('ENODATA');
  expect(await resolve(c, DB, 'store', 'AAAA')).toBe('ENODATA');
  expect(await resolve(a, WEB, '99.0.71.10.in-addr.arpa', 'PTR')).toBe('ENOTFOUND');
});

test('programs that `ip netns exec` starts find each other by name', async () => {
  const found = execFileSync('ip', ['netns', 'exec', a.name, 'getent', 'ahostsv4', 'back'], { encoding: 'utf8' });
  expect(found).toMatch(/^10\.71\.0\.3 /);
  const file = `/etc/netns/${c.name}/resolv.conf`;
  expect(readFileSync(file, 'utf8')).toMatch(/^nameserver 10\.72\.0\.1$/m);
  await net.disconnect('db', c);
  expect(existsSync(file)).toBe(false);
});

test('messages that are no questions: an error, or silence, and the server goes on', async () => {
  const agent = await a.agent();
  for (const text of ['', 'x', 'x'.repeat(11), '\0'.repeat(12), 'garbage that is long enough to have a header']) {
    await agent.call('udpSend', { address: WEB, port: 53, text });
  }
  expect(await resolve(a, WEB, 'back')).toEqual(['10.71.0.3']);
  expect(net.daemon.stderr).not.toMatch(/error|warn/);
});
