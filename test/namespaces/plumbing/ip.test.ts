/** `ip` batches and JSON: what is never sent, and what refusals say. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { explainIpFailure, ipBatch, ipJson } from '../../../src/control/plumbing/ip.ts';
import { createVethPair, deleteNetdev } from '../../../src/control/plumbing/netdev.ts';
import { OWN, RED, pair, run, setStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await setStage();
});

afterEach(() => deleteNetdev(OWN));

afterAll(() => stage?.close());

test('a batch inside a namespace, with a word that holds spaces; JSON back', async () => {
  await createVethPair(pair(stage.red));
  await ipBatch(stage.red, [['link', 'set', 'dev', 'eth0', 'alias', 'two words']]);
  expect(await ipJson(stage.red, ['link', 'show', 'dev', 'eth0'])).toMatchObject([
    { ifname: 'eth0', ifalias: 'two words', linkinfo: { info_kind: 'veth' } },
  ]);
  expect(await ipJson(stage.red, ['route', 'show', 'dev', 'lo'])).toEqual([]);
});

test.each(['a"b', "a'b", 'a\nlink del lo', 'a\tb', 'a#b', 'a\\b', '', 'ä'])('a word %j is never sent', async (word) => {
  await expect(ipBatch(null, [['link', 'set', 'dev', word, 'up']])).rejects.toMatchObject({ code: 'BAD_REQUEST' });
});

test.each<[string[], string]>([
  [['link', 'set', 'dev', 'nowhere', 'up'], 'NETDEV_NOT_FOUND'],
  [['link', 'add', 'name', 'eth0', 'type', 'veth'], 'NETDEV_EXISTS'],
  [['link', 'add', 'name', 'x', 'type', 'nonsense'], 'NOT_SUPPORTED'],
  [['link', 'set', 'dev', 'eth0', 'mtu', '70000'], 'BAD_REQUEST'],
  [['link', 'set', 'dev', 'eth0', 'address', 'zz:00:00:00:00:00'], 'BAD_REQUEST'],
  [['link', 'set', 'dev', 'eth0', 'address', '01:00:00:00:00:00'], 'ADDRESS_REFUSED'],
  [['address', 'add', '10.0.0.300/24', 'dev', 'eth0'], 'BAD_REQUEST'],
  [['address', 'add', '10.77.0.1/24', 'dev', 'eth0'], 'ADDRESS_REFUSED'],
  [['address', 'add', 'ff02::1/64', 'dev', 'eth0'], 'ADDRESS_REFUSED'],
  [['route', 'add', 'default', 'via', '10.77.0.254', 'dev', 'eth0'], 'ADDRESS_REFUSED'],
  [['route', 'add', '192.0.2.0/24', 'via', '198.51.100.1', 'dev', 'eth0'], 'ADDRESS_REFUSED'],
])('a refusal names the line, the namespace and what to do: %j is %s', async (line, code) => {
  await createVethPair(pair(stage.red, { gateway: '10.77.0.254' }));
  const fine = ['link', 'set', 'dev', 'lo', 'up'];
  const text = line.join(' ');
  await expect(ipBatch(stage.red, [fine, line, fine])).rejects.toMatchObject({
    code,
    message: expect.stringContaining(`\`ip ${text}\` failed in namespace ${RED}`) as unknown,
    details: { line: text },
  });
});

test('missing programs and privileges', async () => {
  const nsenter = (stderr: string) => explainIpFailure(RED, [['link']], { status: 1, stdout: '', stderr });
  expect(nsenter("nsenter: reassociate to namespace 'ns/net' failed: Operation not permitted\n")).toMatchObject({
    code: 'NOT_PERMITTED',
    message: expect.stringContaining('CAP_SYS_ADMIN') as unknown,
  });
  expect(nsenter('nsenter: failed to execute ip: No such file or directory\n')).toMatchObject({
    code: 'NOT_SUPPORTED',
    message: expect.stringContaining('apt-get install iproute2') as unknown,
  });
  const { stderr } = await run('setpriv', ['--bounding-set=-net_admin', 'ip', 'link', 'set', 'lo', 'up']).catch(
    (error: { stderr: string }) => error,
  );
  expect(explainIpFailure(null, [['link', 'set', 'lo', 'up']], { status: 2, stdout: '', stderr })).toMatchObject({
    code: 'NOT_PERMITTED',
    message: expect.stringContaining('CAP_NET_ADMIN') as unknown,
  });
});
