import { routedSubjects } from '../../routing/arbitrary-routed-subjects.ts'
import { assertRoutedSubject } from '../../routing/assert-routed-subject.ts'
import { pureTarget } from '../target.ts'

/** The subjects that routes of all kinds make of hostile values from everywhere, with a credential or without. */
export const subjectsTarget = pureTarget('subjects', routedSubjects, (routed) => void assertRoutedSubject(routed))
