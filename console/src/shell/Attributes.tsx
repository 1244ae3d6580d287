/** The attributes of a campaign. */
export function Attributes({ of }: { of: Record<string, string> }) {
  const all = Object.entries(of);
  return (
    all.length > 0 && (
      <ul className="attributes" aria-label="Attributes">
        {all.map(([key, value]) => (
          <li key={key}>
            <span>{key}</span> {value}
          </li>
        ))}
      </ul>
    )
  );
}
