import { Button, Text, Title } from "@mantine/core";
import type { DescriptionFieldProps, IconButtonProps, TitleFieldProps } from "@rjsf/utils";
import { IconPlus } from "@tabler/icons-react";

/** What a whole form, or a group of fields in it, is about. */
export function DescriptionFieldTemplate({ id, description }: DescriptionFieldProps) {
  return (
    <Text id={id} size="sm" c="dimmed" mb="sm">
      {description}
    </Text>
  );
}

export function TitleFieldTemplate({ id, title }: TitleFieldProps) {
  return (
    <Title id={id} order={3} size="sm" fw={650}>
      {title}
    </Title>
  );
}

/** Adds an entry to a list or a member to an object. */
export function AddButton({ id, disabled, onClick }: IconButtonProps) {
  return (
    <Button
      id={id}
      size="compact-sm"
      variant="default"
      leftSection={<IconPlus size={14} />}
      disabled={disabled}
      onClick={onClick}
    >
      Add
    </Button>
  );
}
