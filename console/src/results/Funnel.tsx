import { Text } from "@mantine/core";
import { count } from "../words";
import classes from "./Funnel.module.css";
import type { Level } from "./leadGeneration";

/** How much of what came in is left after each phase. */
export function Funnel({ levels }: { levels: Level[] }) {
  const most = Math.max(1, ...levels.map((level) => level.count ?? 0));
  return (
    <dl className={classes.funnel}>
      {levels.map(({ name, count: number }, index) => {
        const before = levels[index - 1]?.count;
        return (
          <div key={name} className={classes.level}>
            <dt>{name}</dt>
            <dd className="numbers">
              <span className={classes.track} aria-hidden="true">
                <span
                  className={classes.bar}
                  style={{ width: `${((number ?? 0) / most) * 100}%`, opacity: 1 - index * 0.15 }}
                />
              </span>
              <Text span fw={650} miw="4.5rem" ta="right">
                {number === undefined ? "–" : count(number)}
              </Text>
              <Text span c="dimmed" size="sm" miw="3.2rem" ta="right">
                {number !== undefined && before ? `${((number / before) * 100).toFixed(1)} %` : ""}
              </Text>
            </dd>
          </div>
        );
      })}
    </dl>
  );
}
