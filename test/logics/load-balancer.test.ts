import { expect, test } from 'vitest';
import balancer from '../../examples/logics/load-balancer.ts';
import { arpRequest, hasRightChecksums, mac, sandbox, tcp, udp } from '../../src/sdk/sandbox.ts';

const VIRTUAL = '10.0.0.100';
const VIRTUAL_MAC = '02:00:5e:00:01:00';
const SERVERS = { '10.0.0.11': mac(11), '10.0.0.12': mac(12), '10.0.0.13': mac(13) };
const PORTS = ['client', 's11', 's12', 's13'];

/** With the servers known, each at its port. */
function balanced(servers: Record<string, string> = SERVERS) {
  const lan = sandbox({ ports: PORTS, logic: balancer, params: { servers } });
  for (const n of [11, 12, 13]) lan.send(`s${n}`, udp({ src: mac(n), sourceIp: `10.0.0.${n}` }));
  return lan;
}

function request(sourcePort: number): Uint8Array {
  return tcp({ src: mac(1), dst: VIRTUAL_MAC, sourceIp: '10.0.0.1', destinationIp: VIRTUAL, sourcePort });
}

test('a connection stays with one server, and all servers get some', () => {
  const lan = balanced();
  const chosen = Array.from({ length: 60 }, (_, k) => lan.outcome('client', request(2000 + k)));
  expect(new Set(chosen)).toEqual(new Set(['s11', 's12', 's13']));
  expect(Array.from({ length: 60 }, (_, k) => lan.outcome('client', request(2000 + k)))).toEqual(chosen);
  // Who leaves takes nobody else along.
  const without = balanced({ '10.0.0.11': mac(11), '10.0.0.13': mac(13) });
  chosen.forEach((server, k) => {
    if (server !== 's12') expect(without.outcome('client', request(2000 + k))).toBe(server);
  });
});

test('addresses are rewritten both ways, with right checksums', () => {
  const lan = balanced();
  const [[server, [there]]] = [...lan.send('client', request(2000))] as [[string, [Uint8Array]]];
  const n = Number(server.slice(1));
  expect([...there.subarray(30, 34)]).toEqual([10, 0, 0, n]);
  expect(there[5]).toBe(n);
  expect(hasRightChecksums(there)).toBe(true);
  const reply = tcp({ src: mac(n), dst: mac(1), sourceIp: `10.0.0.${n}`, destinationIp: '10.0.0.1', sourcePort: 80 });
  const [back] = lan.send(server, reply).get('client')!;
  expect([...back!.subarray(26, 30)]).toEqual([10, 0, 0, 100]);
  expect(hasRightChecksums(back!)).toBe(true);
  expect(lan.faults).toEqual([]);
});

test('servers see each other as they are; the virtual address is answered for; without servers nothing goes there', () => {
  const lan = balanced();
  const between = udp({ src: mac(11), dst: mac(12), sourceIp: '10.0.0.11', destinationIp: '10.0.0.12' });
  expect(lan.send('s11', between)).toEqual(new Map([['s12', [between]]]));
  const [answer] = lan.send('client', arpRequest(mac(1), '10.0.0.1', VIRTUAL)).get('client')!;
  expect(Buffer.from(answer!.subarray(22, 32)).toString('hex')).toBe('02005e0001000a000064');
  expect(balanced({}).outcome('client', request(1))).toBe('drop NO_SERVER');
});
