import { record } from "./keep.ts";
import { engineOf } from "../../src/engine/opened.ts";
Error.stackTraceLimit = 0;
try { await record("undone") } catch (e) { console.log(String(e).slice(0,300)); const G = (globalThis as any).LAST; const e2 = engineOf(G.runtime); for (const x of e2.executing.values()) console.log(x.phase, x.outcome, x.fresh.length, x.held.length, x.flights, x.reading, x.alarm, !!x.callOff, x.cursor, x.inbox, x.durable, x.seq, [...x.operations.values()].map(o=>[o.key,o.settled,o.due,o.noted,o.issued,!!o.flight, o.answered])); console.log(G.clock.now(), G.clock.next()); console.log(G.client.query("select seq,kind,key,attempt,due,at from holdfast_history where run=1").values(), G.client.query("select * from holdfast_runs").all()) }
