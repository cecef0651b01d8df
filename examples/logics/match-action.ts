/**
 * A match/action table in the way of OpenFlow, driven over the API: rules match ports, VLAN, addresses, EtherType, protocol and
 * L4 ports, and the first that matches says what to do. `tswitch logic set match-action rules='[…]'` replaces the table
 * between two batches.
 */
import { DEFER, defineLogic, FLOOD, type Frame, ipv4, macHigh, macLow } from 'tswitch/logic';

type Condition = (frame: Frame) => boolean;

export default defineLogic({
  name: 'match-action',
  description: 'the first rule that matches a frame says what becomes of it',
  params: (z) => {
    const mac = z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i, 'must be a MAC address like 02:00:00:00:00:01');
    const prefix = z.cidrv4();
    const port16 = z.int().min(0).max(65_535);
    return z.object({
      rules: z
        .array(
          z.strictObject({
            match: z
              .strictObject({
                port: z.string(),
                vlan: z.int().min(1).max(4094),
                source: mac,
                destination: mac,
                etherType: port16,
                sourceIp: prefix,
                destinationIp: prefix,
                protocol: z.int().min(0).max(255),
                sourcePort: port16,
                destinationPort: port16,
              })
              .partial()
              .default({}),
            action: z.union([
              z.enum(['learn', 'flood', 'drop']),
              z.strictObject({ forward: z.string() }),
              z.strictObject({ mirror: z.string() }),
              z.strictObject({ vlan: z.int().min(1).max(4094) }),
            ]),
          }),
        )
        .max(256)
        .default([])
        .describe('rules, in the order they are tried; vlan and mirror go on with the next rule'),
    });
  },
  drops: { RULE: 'a rule of the table says so', NO_PORT: 'a rule forwards it to a port that is not there' },
  counters: { matched: 'frames that a rule matched' },
  create: ({ params, ports, drop, counters }) => {
    const rules = params.rules.map(({ match, action }) => {
      const conditions: Condition[] = [];
      const add = <T>(value: T | undefined, condition: (value: T) => Condition): void => {
        if (value !== undefined) conditions.push(condition(value));
      };
      add(match.port, (name) => {
        const handle = ports.handleOf(name);
        return (frame) => frame.ingress === handle;
      });
      add(match.vlan, (vlan) => (frame) => frame.vlan === vlan);
      add(match.source, (mac) => {
        const [high, low] = [macHigh(mac), macLow(mac)];
        return (frame) => frame.sourceLow === low && frame.sourceHigh === high;
      });
      add(match.destination, (mac) => {
        const [high, low] = [macHigh(mac), macLow(mac)];
        return (frame) => frame.destinationLow === low && frame.destinationHigh === high;
      });
      add(match.etherType, (type) => (frame) => frame.etherType === type);
      add(match.sourceIp, (prefix) => inPrefix(prefix, (frame) => frame.ipv4Source));
      add(match.destinationIp, (prefix) => inPrefix(prefix, (frame) => frame.ipv4Destination));
      add(match.protocol, (protocol) => (frame) => frame.protocol === protocol);
      add(match.sourcePort, (port) => (frame) => frame.sourcePort === port);
      add(match.destinationPort, (port) => (frame) => frame.destinationPort === port);
      return { conditions, act: actionOf(action) };
    });

    /** Gives a verdict, or null to go on with the next rule. */
    function actionOf(action: (typeof params.rules)[number]['action']): (frame: Frame) => number | null {
      if (action === 'learn') return () => DEFER;
      if (action === 'flood') return () => FLOOD;
      if (action === 'drop') return () => drop.RULE;
      if ('vlan' in action) return (frame) => (frame.setVlan(action.vlan), null);
      const handle = ports.handleOf('forward' in action ? action.forward : action.mirror);
      if ('mirror' in action) return (frame) => (handle >= 0 && frame.mirrorTo(handle), null);
      return () => (handle < 0 ? drop.NO_PORT : handle);
    }

    return {
      frame: (frame) => {
        let isMatched = false;
        for (const { conditions, act } of rules) {
          let holds = true;
          for (let k = 0; holds && k < conditions.length; k++) holds = conditions[k]!(frame);
          if (!holds) continue;
          if (!isMatched) counters.matched.add();
          isMatched = true;
          const verdict = act(frame);
          if (verdict !== null) return verdict;
        }
        return DEFER;
      },
    };
  },
});

function inPrefix(text: string, addressOf: (frame: Frame) => number): Condition {
  const [address = '', bits = '32'] = text.split('/');
  const mask = Number(bits) === 0 ? 0 : -1 << (32 - Number(bits));
  const wanted = ipv4(address) & mask;
  return (frame) => frame.ipVersion === 4 && (addressOf(frame) & mask) === wanted;
}
