/**
 * Docker has the host drop whatever is forwarded and not its own (policy DROP of the chain FORWARD), and gives the chain DOCKER-USER
 * to whoever knows better. What goes to members passes it: their networks' own tables decide (networks/gateway/rules.ts). What
 * comes from members passes it too, but for the bridges of Docker, which are kept apart as Docker does it among them.
 */
import { ChangeQueue } from '../control/change-queue.ts';
import { TswitchError } from '../control/errors.ts';
import type { Log } from '../control/log.ts';
import { runTool } from '../control/plumbing/tool.ts';
import { GATEWAY_PREFIX } from '../networks/names.ts';

const CHAIN = 'DOCKER-USER';
/** Drops what goes to any of Docker's bridges. Not there in newer engines, which guard their containers otherwise. */
const ISOLATION = 'DOCKER-ISOLATION-STAGE-2';
const OWN = `${GATEWAY_PREFIX}+`;
/** In the order of the chain. */
const RULES = [
  ['-o', OWN, '-j', 'ACCEPT'],
  ['-i', OWN, '-j', ISOLATION],
  ['-i', OWN, '-j', 'ACCEPT'],
];
const TOOLS = ['iptables', 'ip6tables'] as const;
type Tool = (typeof TOOLS)[number];

export class ForwardRules {
  readonly #log: Log;
  readonly #changes = new ChangeQueue();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Docker may have started, or somebody have cleared the chain, since it was called last. */
  ensure(): Promise<void> {
    return this.#attempt(async (tool) => {
      const there = await linesOf(tool);
      if (there === null) return;
      const wanted = (await hasChain(tool, ISOLATION)) ? RULES : RULES.filter((rule) => !rule.includes(ISOLATION));
      if (wanted.every((rule) => there.includes(lineOf(rule)))) return;
      for (const rule of wanted) if (there.includes(lineOf(rule))) await run(tool, '-D', CHAIN, ...rule);
      for (const rule of wanted.toReversed()) await run(tool, '-I', CHAIN, ...rule);
    });
  }

  remove(): Promise<void> {
    return this.#attempt(async (tool) => {
      const there = (await linesOf(tool)) ?? [];
      for (const rule of RULES) if (there.includes(lineOf(rule))) await run(tool, '-D', CHAIN, ...rule);
    });
  }

  /** Of either family: without such rules traffic may still pass, so nothing else is to fail for their sake. */
  #attempt(act: (tool: Tool) => Promise<void>): Promise<void> {
    return this.#changes.run(async () => {
      for (const tool of TOOLS) {
        try {
          await act(tool);
        } catch (error) {
          // A host without the program has no such chain.
          if (error instanceof TswitchError && error.code === 'NOT_SUPPORTED') return;
          const reason = error instanceof Error ? error.message : String(error);
          this.#log.warn('rules that let members pass the packet filter of Docker failed', { tool, reason });
        }
      }
    });
  }
}

/** Null: there is no such chain. */
async function linesOf(tool: Tool): Promise<string[] | null> {
  const { status, stdout } = await runTool(tool, ['--wait', '-S', CHAIN]);
  return status === 0 ? stdout.split('\n') : null;
}

async function hasChain(tool: Tool, chain: string): Promise<boolean> {
  return (await runTool(tool, ['--wait', '-S', chain])).status === 0;
}

async function run(tool: Tool, ...args: string[]): Promise<void> {
  const { status, stderr } = await runTool(tool, ['--wait', ...args]);
  if (status !== 0) throw new TswitchError('INTERNAL', `${tool} ${args.join(' ')}: ${stderr.trim()}`);
}

/** As `iptables -S` writes it. */
function lineOf(rule: readonly string[]): string {
  return `-A ${CHAIN} ${rule.join(' ')}`;
}
