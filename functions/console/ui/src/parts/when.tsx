/** A time as people say it; the exact one on demand. */
import { useWords } from '../i18n'

export function When({ at, from }: { at: string | null; from?: string }) {
  const { t, ago, moment } = useWords()
  if (!at) return <>{t.never}</>
  return (
    <time dateTime={at} title={moment(at)}>
      {ago(at, from ? new Date(from).getTime() : undefined)}
    </time>
  )
}
