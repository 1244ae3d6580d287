import "@mantine/charts/styles.css";
import { BarChart } from "@mantine/charts";
import { Group, Stack, Table, Text, Title } from "@mantine/core";
import { count } from "../words";
import type { Scores as Data } from "./leadGeneration";

/** How the scores of the pages are spread, and the best of them. */
export default function Scores({ mean, bands, top }: Data) {
  const data = bands.map((pages, index) => ({
    band: index === bands.length - 1 ? `${index * 10}–100` : `${index * 10}–${index * 10 + 9}`,
    pages,
  }));
  const said = data.map(({ band, pages }) => `${band}: ${pages}`).join(", ");
  return (
    <Stack p="md">
      <Group justify="space-between">
        <Title order={2} size="h5">
          Scores
        </Title>
        <Text size="sm" c="dimmed" className="numbers">
          mean {mean.toFixed(2)} of 100
        </Text>
      </Group>
      <div role="img" aria-label={`Pages by score. ${said}.`}>
        <BarChart
          h={170}
          data={data}
          dataKey="band"
          series={[{ name: "pages", label: "Pages", color: "var(--live)" }]}
          tickLine="none"
          gridAxis="x"
          barProps={{ isAnimationActive: false }}
          barChartProps={{ accessibilityLayer: false }}
          yAxisProps={{ allowDecimals: false, width: 44 }}
        />
      </div>
      {top.length > 0 && (
        <Table verticalSpacing={4} captionSide="top">
          <Table.Caption ta="left">The pages with the highest scores</Table.Caption>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Domain</Table.Th>
              <Table.Th ta="right">Score</Table.Th>
              <Table.Th ta="right">Occurrences</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {top.slice(0, 5).map(({ domain, score, occurrences }) => (
              <Table.Tr key={domain}>
                <Table.Td style={{ overflowWrap: "anywhere" }}>{domain}</Table.Td>
                <Table.Td ta="right" className="numbers">
                  {score}
                </Table.Td>
                <Table.Td ta="right" className="numbers">
                  {count(occurrences)}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Stack>
  );
}
