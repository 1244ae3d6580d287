import { Anchor, Stack, Text, Title } from "@mantine/core";
import { Link } from "react-router";

export function Nowhere({ what = "There is nothing at this address." }: { what?: string }) {
  return (
    <Stack align="center" py="xl" gap="xs">
      <Title order={1} size="h3">
        Not found
      </Title>
      <Text c="dimmed">{what}</Text>
      <Anchor component={Link} to="/campaigns">
        All campaigns
      </Anchor>
    </Stack>
  );
}
