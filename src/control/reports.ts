/** What the switch tells of its traffic: counters, the last dropped frames, and what it would do with a frame. */
import type { Board } from '../shared/board.ts';
import { addRow, dropsOf, portStats, totals } from './counters.ts';
import { dropViews } from './drop-view.ts';
import { Explainer, parseFrame } from './explainer.ts';
import type { DropView, ExplainRequest, ExplainView, StatsView, SwitchSettings } from './model.ts';
import type { Ports } from './ports.ts';
import type { LogicLoad } from '../shared/logic-load.ts';
import { forwardReserved } from './views.ts';
import type { Workers } from './workers.ts';

export interface ReportsOptions {
  board: Board;
  ports: Ports;
  workers: Workers;
  settings: () => SwitchSettings;
  fdb: () => SharedArrayBuffer;
  /** The loaded logics, in the order they are asked. */
  logics: () => LogicLoad[];
  logicStats: () => StatsView['logics'];
  /** FDB ticks. */
  now: () => number;
  nameOf: (handle: number) => string;
}

export class Reports {
  readonly #options: ReportsOptions;
  readonly #explainer = new Explainer();

  constructor(options: ReportsOptions) {
    this.#options = options;
  }

  stats(): StatsView {
    const { ports, workers, logicStats } = this.#options;
    const all = ports.counts.retired();
    const rows = ports.registry.all().map((record) => [record.request.name, ports.counts.row(record)] as const);
    for (const [, row] of rows) addRow(all, row);
    // Not by assignment: a port may be named __proto__.
    const byPort = Object.fromEntries(rows.map(([name, row]) => [name, portStats(row)]));
    const [drops, logics] = [dropsOf(all), logicStats()];
    return { totals: totals(all), ports: byPort, drops, logics, workers: workers.views() };
  }

  drops(): DropView[] {
    const { board, now, nameOf } = this.#options;
    return dropViews(this.stats().drops, board.buffers.dropSamples, now(), nameOf);
  }

  async explain({ port, frame }: ExplainRequest): Promise<ExplainView> {
    const { ports, settings, fdb, now, nameOf } = this.#options;
    const { handle } = ports.registry.get(port);
    return this.#explainer.explain(port, {
      ports: ports.registry.all().map((record) => {
        const name = nameOf(record.handle);
        return { handle: record.handle, name, config: ports.config(record) };
      }),
      ingress: handle,
      frame: parseFrame(frame),
      forwardReserved: forwardReserved(settings()),
      logics: this.#options.logics(),
      fdb: fdb(),
      probeTokens: this.#options.board.probeTokens.slice(),
      now: now(),
    });
  }

  close(): Promise<void> {
    return this.#explainer.close();
  }
}
