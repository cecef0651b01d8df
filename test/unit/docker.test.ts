/** The driver's parts that need no Docker: options, answers while the daemon starts or is busy, and members that are stale. */
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { SILENT } from '../../src/control/log.ts';
import { nearest } from '../../src/docker/nearest.ts';
import { endpointOptions, limitOptions, networkOptions } from '../../src/docker/options.ts';
import { openDockerPlugin } from '../../src/docker/plugin.ts';
import { createProtocol, handler, type Handlers } from '../../src/docker/protocol.ts';
import { planNetworks, wishedNetworks } from '../../src/networks/config/plan.ts';
import { firstDocument } from '../../src/networks/document.ts';
import { isStale } from '../../src/networks/handed/handed.ts';
import type { EndpointRecord, NetworkRecord } from '../../src/networks/model.ts';
import { apiClient } from '../support/api-client.ts';

describe('options', () => {
  test('of a network: ours, and those of the bridge driver that we have too', () => {
    expect(networkOptions({})).toEqual({ isolated: false, hostGateway: true });
    expect(networkOptions({ vlan: '10', isolated: 'True', mtu: '1400', name: 'web', 'host-gateway': '0' })).toEqual({
      vlan: 10,
      isolated: true,
      mtu: 1400,
      name: 'web',
      hostGateway: false,
    });
    expect(
      networkOptions({ 'com.docker.network.driver.mtu': '1400', 'com.docker.network.bridge.enable_icc': 'false' }),
    ).toEqual({ isolated: true, mtu: 1400, hostGateway: true });
  });

  test('of a container: another VLAN, or a trunk', () => {
    expect(endpointOptions({ 'com.docker.network.portmap': [] }, 10)).toEqual({});
    expect(endpointOptions({ vlan: '20', isolated: 'true' }, 10)).toEqual({ vlan: 20, isolated: true });
    expect(endpointOptions({ trunk: '20,30-32' }, 10)).toEqual({
      mode: 'native-untagged',
      vlan: 10,
      trunks: [20, 30, 31, 32],
    });
    expect(endpointOptions({ trunk: 'all', native: '5' }, 10)).toMatchObject({ vlan: 5, trunks: [] });
    expect(endpointOptions({ trunk: '20', native: 'none' }, 10)).toEqual({ mode: 'trunk', vlan: null, trunks: [20] });
  });

  test('limits of bandwidth, both ways or one, by the words of the command line', () => {
    expect(limitOptions({ vlan: '10' })).toEqual({});
    expect(limitOptions({ rate: '100mbit' })).toEqual({ ingressRate: '100mbit', egressRate: '100mbit' });
    const options = { rate: '1gbit', 'ingress-rate': 'none', 'ingress-burst': 'none', 'egress-burst': '256kb' };
    expect(limitOptions(options)).toEqual({
      ...{ ingressRate: null, ingressBurst: null },
      ...{ egressRate: '1gbit', egressBurst: '256kb' },
    });
    expect(networkOptions(options)).toMatchObject({ isolated: false });
    expect(endpointOptions(options, 10)).toEqual({});
  });

  test.each([
    [
      () => networkOptions({ vlna: '10' }),
      /^vlna: tswitch has no such network option, did you mean vlan\? \(there are /,
    ],
    [
      () => networkOptions({ 'com.docker.network.bridge.name': 'br0' }),
      /^com\.docker\.network\.bridge\.name: tswitch has no/,
    ],
    [() => networkOptions({ vlan: '0' }), /^vlan: "0" is no VLAN ID; take 1 to 4094$/],
    [() => networkOptions({ mtu: 'big' }), /^mtu: "big" is no whole number$/],
    [() => networkOptions({ isolated: 'maybe' }), /^isolated: "maybe" is neither true nor false$/],
    [() => networkOptions({ vlan: { a: 1 } }), /^vlan: must be a text$/],
    [() => endpointOptions({ trunks: '10' }, 1), /did you mean trunk\?/],
    [() => endpointOptions({ trunk: '10', vlan: '1' }, 1), /^vlan: a trunk has several/],
    [() => endpointOptions({ native: '10' }, 1), /^native: is for a trunk/],
    [() => networkOptions({ 'ingres-rate': '1mbit' }), /did you mean ingress-rate\?/],
    [() => endpointOptions({ 'egress-brust': '1mb' }, 1), /did you mean egress-burst\?/],
    [() => limitOptions({ rate: '100mb' }), /^rate: "100mb" is no rate from 8kbit to 1tbit, as tc writes it: 100mbit,/],
    [() => limitOptions({ 'egress-rate': '1kbit' }), /^egress-rate: "1kbit" is no rate from 8kbit/],
    [() => limitOptions({ 'ingress-burst': '1gb' }), /^ingress-burst: "1gb" is no size up to 256mb, as tc writes it/],
    [() => endpointOptions({ trunk: '10-x' }, 1), /^trunk: "" is no VLAN ID/],
  ])('what is wrong is said with what is right %#', (parse, message) => {
    expect(parse).toThrow(message);
  });

  test('the nearest word, if one is near', () => {
    const words = ['vlan', 'isolated', 'mtu'];
    expect(['vlna', 'VLAN', 'isolate', 'mut', 'colour'].map((word) => nearest(word, words))).toEqual([
      'vlan',
      'vlan',
      'isolated',
      'mtu',
      undefined,
    ]);
  });
});

describe('the protocol', () => {
  const ask = async (handlers: Promise<Handlers>, method: string, body = '', deadlineMs = 10_000) => {
    const app = createProtocol({ fixed: { 'Plugin.Activate': { Implements: [] } }, handlers, log: SILENT, deadlineMs });
    const answer = await app.request(`/${method}`, { method: 'POST', body });
    return [answer.status, await answer.json()] as [number, Record<string, unknown>];
  };
  const never = new Promise<never>(() => {});
  const echo = handler(z.object({ Name: z.string() }), async ({ Name }) => ({ Name }));

  test('what is fixed is answered while the daemon starts; what is not comes within the deadline', async () => {
    expect(await ask(never, 'Plugin.Activate')).toEqual([200, { Implements: [] }]);
    const [status, { Err }] = await ask(never, 'NetworkDriver.Join', '{}', 10);
    expect([status, Err]).toEqual([500, 'tswitch is busy and has not done NetworkDriver.Join after 0.01 s: try again']);
    const { promise, resolve } = Promise.withResolvers<Handlers>();
    const asked = ask(promise, 'X.Echo', '{"Name":"a","New":1}');
    resolve({ 'X.Echo': echo });
    expect(await asked).toEqual([200, { Name: 'a' }]);
  });

  test.each([
    ['X.Echo', '', /^Name: /],
    ['X.Echo', '{', /not valid JSON/],
    ['X.Echo', '[]', /object/],
    ['X.Other', '{}', /^tswitch knows no X\.Other$/],
  ])('%s with %j is refused in words', async (method, body, message) => {
    const [status, { Err }] = await ask(Promise.resolve({ 'X.Echo': echo }), method, body);
    expect([status, Err]).toEqual([method === 'X.Echo' ? 500 : 404, expect.stringMatching(message)]);
  });
});

test('a configuration document neither has nor changes networks of Docker', () => {
  const [network] = firstDocument(4094, []).networks;
  const networks: NetworkRecord[] = [network!, { ...network!, id: 'd', name: 'docker-1', vlan: 9, owner: 'docker' }];
  const around = { networks, routes: [], vlans: [], ipv6Prefix: 'fd00:1:2' };
  expect(wishedNetworks(networks)).toEqual([]);
  expect(planNetworks([], around)).toEqual({ problems: [], actions: [], networks });
  expect(planNetworks([{ name: 'docker-1' }], around).problems).toMatchObject([{ code: 'NETWORK_EXISTS' }]);
});

describe('the socket', () => {
  test('is its owner’s alone, takes what Docker calls the host, and goes with the plugin', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tswitch-docker-'));
    const socket = join(folder, 'docker', 'plugins', 'x.sock');
    const plugin = await openDockerPlugin(socket, SILENT);
    try {
      const { send } = apiClient(socket);
      const activate = () => send('POST', '/Plugin.Activate', '', { type: null, headers: { host: socket } });
      expect(await activate()).toMatchObject({
        status: 200,
        text: '{"Implements":["NetworkDriver","IpamDriver"]}',
        headers: { 'content-type': 'application/vnd.docker.plugins.v1.2+json' },
      });
      expect([statSync(socket).mode & 0o777, statSync(join(socket, '..')).mode & 0o777]).toEqual([0o600, 0o700]);
      await expect(openDockerPlugin(socket, SILENT)).rejects.toThrow(/a daemon already answers on/);
    } finally {
      await plugin.close();
    }
    expect(existsSync(socket)).toBe(false);
    await plugin.close();
    rmSync(folder, { recursive: true });
  });
});

describe('a member that was handed over', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'tswitch-docker-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  test('is stale when nobody took it for a while, or its namespace is gone', () => {
    const there = join(folder, 'there');
    writeFileSync(there, '');
    const member = (netns: string): EndpointRecord => ({ netns, handed: { port: {}, since: 0 } }) as EndpointRecord;
    const later = 61_000;
    expect(isStale(member(''), 1000)).toBe(false);
    expect(isStale(member(''), later)).toBe(true);
    expect(isStale(member(there), later)).toBe(false);
    expect(isStale(member(join(folder, 'gone')), later)).toBe(true);
    expect(isStale(member(join(folder, 'other', 'gone')), later)).toBe(false);
  });
});
