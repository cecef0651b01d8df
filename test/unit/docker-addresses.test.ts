/** Addresses for Docker's networks: what is given, what is given again, and what is refused. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ChangeQueue } from '../../src/control/change-queue.ts';
import { SILENT } from '../../src/control/log.ts';
import { AddressPools } from '../../src/networks/addresses/address-pools.ts';
import { firstDocument, memoryStore } from '../../src/networks/document.ts';
import type { EndpointRecord, NetworkRecord } from '../../src/networks/model.ts';
import { normalizeSubnet } from '../../src/networks/network-request.ts';
import { State } from '../../src/networks/state.ts';
import { fakeControl } from '../support/fake-control.ts';

const SUBNET = '10.81.0.0/29';
let state: State;
let pools: AddressPools;
let id: string;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const options = { control: fakeControl(), store: memoryStore(), log: SILENT };
  state = new State(options, firstDocument(4094, []));
  pools = new AddressPools(state, new ChangeQueue());
  ({ id } = await pools.request({ subnet: SUBNET, ipRange: null, family: 4 }));
});
afterEach(() => vi.useRealTimers());

const give = (mac: string | null, address: string | null = null, isGateway = false): Promise<string> =>
  pools.give(id, { mac, address, isGateway });
const gateway = (): Promise<string> => give(null, null, true);

/** As if Docker had created a network of the pool, with members of these addresses. */
async function bind(...addresses: string[]): Promise<void> {
  const endpoints = addresses.map((address) => ({ addresses: [address] }) as EndpointRecord);
  const network = { ...state.document.networks[0]!, name: 'x', id: 'x', owner: 'docker' as const, endpoints };
  const bound: NetworkRecord = { ...network, subnets: [normalizeSubnet({ subnet: SUBNET })] };
  await state.commit({ ...state.document, networks: [...state.document.networks, bound] });
}

test('the gateway gets the first address, members the next ones in turn; a question that comes twice is answered alike', async () => {
  expect([await gateway(), await give('a'), await give('b'), await give('a')]).toEqual([
    '10.81.0.1/29',
    '10.81.0.2/29',
    '10.81.0.3/29',
    '10.81.0.2/29',
  ]);
  expect(await give('c', '10.81.0.6')).toBe('10.81.0.6/29');
  expect(await give('c', '10.81.0.6')).toBe('10.81.0.6/29');
  await expect(give('d', '10.81.0.6')).rejects.toThrow('10.81.0.6 of 10.81.0.0/29 is taken: choose another address');
  await expect(give('d', '10.82.0.1')).rejects.toThrow('is not in the subnet');
});

test('pools that no network of Docker has are given back when somebody says so', async () => {
  const other = await pools.request({ subnet: '10.82.0.0/24', ipRange: null, family: 4 });
  await bind();
  await pools.give(other.id, { mac: null, address: null, isGateway: true });
  expect(await pools.releaseUnused()).toEqual(['10.82.0.0/24']);
  expect(await pools.releaseUnused()).toEqual([]);
  expect(await gateway()).toBe('10.81.0.1/29');
  expect((await pools.request({ subnet: '10.82.0.0/25', ipRange: null, family: 4 })).subnet).toBe('10.82.0.0/25');
});

test('what was released comes last, and a pool that is used up says so', async () => {
  await gateway();
  for (const mac of ['a', 'b']) await give(mac);
  await pools.takeBack(id, '10.81.0.2');
  await pools.takeBack(id, '10.81.0.2');
  const rest = [await give('c'), await give('d'), await give('e'), await give('f')];
  expect(rest).toEqual(['10.81.0.4/29', '10.81.0.5/29', '10.81.0.6/29', '10.81.0.2/29']);
  await expect(give('g')).rejects.toThrow('no address is left in 10.81.0.0/29');
});

test('an address that no member came for is given again after a minute, those of members never', async () => {
  await gateway();
  for (const mac of ['a', 'b', 'c', 'd', 'e']) await give(mac);
  await bind('10.81.0.2/29', '10.81.0.3/29', '10.81.0.4/29', '10.81.0.5/29');
  await expect(give('f')).rejects.toThrow('no address is left');
  vi.setSystemTime(Date.now() + 61_000);
  expect(await give('f')).toBe('10.81.0.6/29');
  await expect(give('g')).rejects.toThrow('no address is left');
});

test('pools: one that is asked for again before it is used, overlaps, ranges, and what is not known', async () => {
  expect(await pools.request({ subnet: SUBNET, ipRange: null, family: 4 })).toMatchObject({ id, subnet: SUBNET });
  await gateway();
  await expect(pools.request({ subnet: '10.81.0.0/16', ipRange: null, family: 4 })).rejects.toThrow(
    '10.81.0.0/16 overlaps 10.81.0.0/29, a pool of addresses that Docker has',
  );
  await expect(pools.request({ subnet: null, ipRange: '10.1.0.0/28', family: 4 })).rejects.toThrow('needs its subnet');
  const ranged = await pools.request({ subnet: '10.82.0.0/24', ipRange: '10.82.0.128/25', family: 4 });
  expect(await pools.give(ranged.id, { mac: 'a', address: null, isGateway: false })).toBe('10.82.0.128/24');
  await pools.release(id);
  await pools.release(id);
  await expect(gateway()).rejects.toThrow('docker network rm');
  await pools.takeBack(id, '10.81.0.1');
});
