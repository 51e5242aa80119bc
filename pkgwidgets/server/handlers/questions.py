"""The routes of questions to the user.

They belong to the JupyterLab extension and change with it, so that the contract of the other routes
does not name them.
"""

from __future__ import annotations

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.server import request_body
from pkgwidgets.server.base_handler import BaseHandler, requires_execute
from pkgwidgets.server.errors import QuestionNotFound


class QuestionsHandler(BaseHandler):
    """`GET views/questions`: what waits for an answer."""

    @requires_execute
    async def get(self) -> None:
        """Answer the open questions, the oldest first."""
        await self.write_success(
            questions=[
                {
                    "id": question.id,
                    "title": question.title,
                    "lines": list(question.lines),
                    "accept": question.accept,
                }
                for question in self.context.questions.open()
            ]
        )


class QuestionHandler(BaseHandler):
    """`POST views/questions/{id}`: a page shows it, or has the answer."""

    @requires_execute
    async def post(self, question_id: str) -> None:
        """Note that the question is shown (`shown`), or take the answer (`answer`)."""
        fields = self.fields("shown", "answer")
        if len(fields) != 1:
            raise InvalidRequest("body", None, "the body needs either shown or answer")
        questions = self.context.questions
        if request_body.flag_field(fields, "shown"):
            is_open = questions.note_shown(question_id)
        elif "answer" in fields:
            is_open = questions.answer(question_id, request_body.flag_field(fields, "answer"))
        else:
            raise InvalidRequest("shown", False, "only true means something")
        if not is_open:
            raise QuestionNotFound(question_id)
        await self.write_success()


ROUTES: dict[str, type[BaseHandler]] = {
    "views/questions": QuestionsHandler,
    "views/questions/{id}": QuestionHandler,
}
"""The routes below `pkgwidgets/` that only the JupyterLab extension uses."""
